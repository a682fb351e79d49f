"""How the house is wired. Imported by nobody."""
