ephemeral "quix_broker_config" "dev" {
  workspace_id = "acme-shop-dev"
}

# What a provider for Kafka is configured with, for instance; none of it comes into a plan or a state.
locals {
  bootstrap_servers = split(",", ephemeral.quix_broker_config.dev.config["bootstrap.servers"])
  sasl_password     = ephemeral.quix_broker_config.dev.config["sasl.password"]
  ca_certificate    = ephemeral.quix_broker_config.dev.ca_certificate
}
