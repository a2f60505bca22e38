"""Task ids of Athena-WBC."""
