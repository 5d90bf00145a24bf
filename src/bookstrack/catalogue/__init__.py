"""What we know about books and how we find out."""
