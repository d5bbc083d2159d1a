"""Text generation as a task: instruction data, chat templates, loss on the answers alone, scores of what is written."""
