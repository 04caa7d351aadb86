# SPDX-License-Identifier: Apache-2.0
# Something to look at: a project with issues, and an administrator who need not change a password.
Redmine::DefaultData::Loader.load('en')
admin = User.find_by!(login: 'admin')
admin.update_columns(must_change_passwd: false)
project = Project.create!(name: 'Parents', identifier: 'parents', trackers: Tracker.all)
20.times do |number|
  Issue.create!(project: project, tracker: project.trackers.first, author: admin,
                subject: "issue #{number}", priority: IssuePriority.first)
end
ActiveRecord::Base.connection.execute('CREATE TABLE parents_ready (done INT)')
