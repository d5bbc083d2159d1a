"""The recipe of the built-in vision models alih/resnet-small and alih/vgg-small."""
