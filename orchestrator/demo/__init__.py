"""`rollout demo`: the main job, live, on this machine alone: an emulated Azure, real sockets, constant load, proof."""
