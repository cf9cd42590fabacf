"""SAM's decoder in an order of arithmetic that suits inference."""
