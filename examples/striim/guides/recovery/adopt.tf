resource "striim_service_account_token" "ci" {
  name           = "ci-pipeline"
  expires_in     = "90d"
  adopt_existing = true # remove after the next apply
}
