# The token that the dashboards use. Set TF_VAR_dashboards_token, or read it with an ephemeral resource of Vault.
variable "dashboards_token" {
  type      = string
  ephemeral = true
  default   = null # the provider's own token
}

# Fails the plan or the apply if Pinot does not accept the token.
ephemeral "startree_token_check" "dashboards" {
  token = var.dashboards_token

  lifecycle {
    postcondition {
      condition     = self.valid
      error_message = "Pinot does not accept the token of the dashboards."
    }
  }
}
