import {
  to = striim_service_account_token.ci
  identity = {
    name = "ci-pipeline"
  }
}
