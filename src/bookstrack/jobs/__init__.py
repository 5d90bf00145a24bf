"""Jobs as such, whatever they do: durable, watched, canceled, ended."""
