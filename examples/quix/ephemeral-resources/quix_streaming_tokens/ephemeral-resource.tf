ephemeral "quix_streaming_tokens" "dev" {
  workspace_id = "acme-shop-dev"

  # 2 before a rotation, so that the services survive it.
  slot = 1
}

# A write-only argument of another provider, for instance. The token is in no plan and no state.
locals {
  secret_value = ephemeral.quix_streaming_tokens.dev.token
}
