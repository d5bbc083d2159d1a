"""ResNet and VGG for small images, in Hugging Face form."""
