import {
  to = striim_service_account_token.ci
  id = "ci-pipeline"
}

resource "striim_service_account_token" "ci" {
  name       = "ci-pipeline"
  expires_in = "90d"
}
