import {
  to = striim_service_account_token_pair.ci
  id = "ci-pipeline"
}
