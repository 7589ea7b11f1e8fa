"""Our own requests to the workloads' real addresses: `http` sends them, `resolver` finds where, `settings` say which."""
