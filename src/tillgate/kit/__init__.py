"""Small parts without business words. Everything may import them; they import nothing of ours."""
