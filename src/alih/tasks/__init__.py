"""What is predicted: each task is one folder of the same shape; see `alih.tasks.base`."""
