"""Operations that several parts share: masked pooling, ports by name, pixels, spectra, stacks of layers."""
