"""Who a caller is: API tokens."""
