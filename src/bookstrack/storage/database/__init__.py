"""The relational store; the only package that writes SQL."""
