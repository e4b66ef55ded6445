action "striim_revoke_service_account_token" "former" {
  config {
    name = "jenkins"
  }
}

# Once there is a token to take its place, the one that was made by hand is revoked. Or at any time:
# terraform apply -invoke=action.striim_revoke_service_account_token.former
resource "striim_service_account_token" "ci" {
  name       = "ci-pipeline"
  expires_in = "90d"

  lifecycle {
    action_trigger {
      events  = [after_create]
      actions = [action.striim_revoke_service_account_token.former]
    }
  }
}
