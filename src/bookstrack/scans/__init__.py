"""Bytes of a photo to a checked picture, to spines, words and barcodes, to matched books."""
