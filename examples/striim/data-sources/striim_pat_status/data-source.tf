data "striim_pat_status" "this" {}

# Warns in each plan while personal access tokens are enabled.
check "no_personal_access_tokens" {
  assert {
    condition     = !data.striim_pat_status.this.enabled
    error_message = "Personal access tokens are enabled in ${data.striim_pat_status.this.id}."
  }
}
