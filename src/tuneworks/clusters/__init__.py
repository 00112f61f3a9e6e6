"""Clusters of other processes and hosts that runners and runtimes work on."""
