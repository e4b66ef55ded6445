# Whatever this provider makes is marked as this configuration's.
provider "striim" {
  managed_by = "acme/infra/prod"
}

resource "striim_service_account_token" "ci" {
  name       = "ci-pipeline"
  expires_in = "90d"
}
