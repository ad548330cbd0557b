"""End-to-end scenarios: text files, run unchanged on two backends, through kubectl alone."""
