"""What a user would pick instead: one file a peer, each as its own best practice would have it."""
