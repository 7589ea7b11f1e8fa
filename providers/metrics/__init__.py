"""Where requests are counted: adapters of monitoring systems to `providers.ports.Metrics`, and checks that are run."""
