"""The built-in translator: a grammar of everyday sentences in English and Indonesian, and the recipe that learns it."""
