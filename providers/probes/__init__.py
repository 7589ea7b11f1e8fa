"""Our own requests to the workloads: `http` sends them, `resolver` finds where, `settings` say which."""
