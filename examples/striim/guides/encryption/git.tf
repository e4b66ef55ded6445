# The state has the value only encrypted. Each recipient can decrypt it: here an administrator and the pipeline.
resource "striim_service_account_token" "ci" {
  name          = "ci-pipeline"
  expires_in    = "90d"
  rotate_before = "14d"

  age_recipients = [
    "age1d3lcgzmrzsngru8cr6h84ge48wkchmsg5nzxrea5atyncnjg448s5p2c67",
    "age19m2mgs45k3wn27qrvj5wpg7q3n9k2ukux5s4uxf8t346qsdzm50qyjgesn",
  ]
}

output "ci_token_encrypted" {
  value = striim_service_account_token.ci.encrypted_token
}
