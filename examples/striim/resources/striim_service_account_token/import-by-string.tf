import {
  to = striim_service_account_token.ci
  id = "ci-pipeline"
}
