"""Rule files to SQL: channels, sessions, conversions. Pure but for reading the files that ship with the package."""
