"""What a job costs on this machine, and how it fits into memory."""
