"""What people look at: pictures, pages and notebooks."""
