import {
  to = striim_service_account_token_pair.ci
  identity = {
    name = "ci-pipeline"
  }
}
