action "striim_revoke_service_account_token" "former" {
  config {
    name = "jenkins"
  }
}

# Revokes the token that was created by hand, as soon as its successor exists. To revoke it at any other time:
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
