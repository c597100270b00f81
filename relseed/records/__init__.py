"""JSON Lines files of typed records, validated as they are read."""
