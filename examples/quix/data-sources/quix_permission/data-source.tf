data "quix_permission" "update" {
  resource_type = "Workspace"
  resource_id   = "acme-shop-dev"
  permission    = "Update"

  lifecycle {
    postcondition {
      condition     = self.allowed
      error_message = "The provider's token may not change this environment. Use one of a user with another role."
    }
  }
}
