ephemeral "quix_broker_config" "dev" {
  workspace_id = "acme-shop-dev"
}

# Arguments for a Kafka provider, for instance. They are in no plan and no state.
locals {
  bootstrap_servers = split(",", ephemeral.quix_broker_config.dev.config["bootstrap.servers"])
  sasl_password     = ephemeral.quix_broker_config.dev.config["sasl.password"]
  ca_certificate    = ephemeral.quix_broker_config.dev.ca_certificate
}
