# The id is <role>/<subject_type>/<subject>.
terraform import startree_role_assignment.analysts orders-reader/group/data-analysts
