"""The HTTP shell: the application, its errors, its middleware."""
