# A service token that was created outside Terraform.
data "startree_service_token" "dashboards" {
  access_key = "XkQBXKr652MV1VF9"
}

check "dashboards_read_only" {
  assert {
    condition     = data.startree_service_token.dashboards.roles == toset(["table-reader"])
    error_message = "The token of the dashboards does not have exactly the role table-reader."
  }
}
