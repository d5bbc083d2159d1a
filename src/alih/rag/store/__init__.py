"""Vector databases behind one narrow interface."""
