"""Who is who: identifiers resolved to persons, level by level, from links. Knows SQL files and the warehouse."""
