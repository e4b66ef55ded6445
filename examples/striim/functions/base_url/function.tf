# https://acme.us-striim.cloud/api/v1
output "api" {
  value = provider::striim::base_url("acme", "azure")
}
