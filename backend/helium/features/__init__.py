"""What people and programs do with Helium: one folder for each noun."""
