"""Starts and stops a real Kubernetes control plane with simulated nodes, for tests and benchmarks."""
