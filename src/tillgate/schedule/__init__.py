"""What is due: the one list of it, figures, what is stuck, and clocks that let it fall due."""
