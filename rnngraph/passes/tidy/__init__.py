"""What makes a program shorter and changes nothing else."""
