"""What audio networks share over a spectrogram: hiding parts of it, a ResNet, and the rhythm in it."""
