package issuer

import (
	"strings"

	"tilld/sync/house"
)

// said is what a message says: a subject and a text, in which TICKET stands for the ticket.
type said [2]string

// catalogue has every kind of message in every language. A ticket goes alone into its message: whoever gets it can do one
// thing with it, once, within minutes.
var catalogue = map[string]map[house.MessageKind]said{
	"en": {
		house.ConfirmTicket:     {"Confirm your wallet", "Enter this in the app to open your wallet:\n\nTICKET\n\nIf you did not open one, do nothing.\n"},
		house.ResetTicket:       {"A new password for your wallet", "Enter this in the app to set a new password:\n\nTICKET\n\nIf you did not ask for it, do nothing: your password stays. Your phone is asked for besides.\n"},
		house.NewContactTicket:  {"Confirm your new address", "Enter this in the app to confirm that this address is yours:\n\nTICKET\n"},
		house.KeepContactTicket: {"Somebody wants to change your address", "Your wallet's address is to be changed. If that was not you, enter this in the app to forbid it:\n\nTICKET\n\nand call the wallet's office.\n"},
		house.PhoneChanged:      {"Another phone was bound to your wallet", "Another phone pays with your wallet now. For 24 hours only small amounts are possible. If that was not you, call the wallet's office at once.\n"},
		house.PasswordReset:     {"Your wallet's password was changed", "Your password was set anew. For 24 hours only small amounts are possible. If that was not you, call the wallet's office at once.\n"},
		house.ContactChanging:   {"Your wallet's address is to be changed", "In three days messages about your wallet go to another address. If you did not ask for that, forbid it in the app and call the wallet's office.\n"},
		house.ContactChanged:    {"Your wallet's address was changed", "Messages about your wallet go to another address from now on. If that was not you, call the wallet's office at once.\n"},
		house.RecoveryUsed:      {"A recovery code was used", "One of your recovery codes was used to bind another phone. If that was not you, call the wallet's office at once.\n"},
		house.RecoveryRenewed:   {"New recovery codes were made", "Your old recovery codes are worth nothing any more. If you did not ask for new ones, call the wallet's office at once.\n"},
		house.OutsideLinked:     {"Another log-in opens your wallet", "An outside log-in was linked to your wallet. If that was not you, call the wallet's office at once.\n"},
		house.AccountStopped:    {"Your wallet was stopped", "Your wallet was stopped: something looked like theft, or the office was asked to. Call the wallet's office.\n"},
	},
	"ja": {
		house.ConfirmTicket:     {"ウォレットの確認", "アプリに次の番号を入力すると、ウォレットが使えるようになります。\n\nTICKET\n\nお心当たりがない場合は、何もしないでください。\n"},
		house.ResetTicket:       {"パスワードの再設定", "アプリに次の番号を入力すると、新しいパスワードを設定できます。\n\nTICKET\n\nお心当たりがない場合は、何もしないでください。パスワードは変わりません。設定にはお使いのスマートフォンも必要です。\n"},
		house.NewContactTicket:  {"新しい連絡先の確認", "この連絡先がご本人のものであることを確認するため、アプリに次の番号を入力してください。\n\nTICKET\n"},
		house.KeepContactTicket: {"連絡先の変更が申し込まれました", "ウォレットの連絡先が変更されようとしています。ご本人でない場合は、アプリに次の番号を入力して変更を止め、\n\nTICKET\n\nウォレットの窓口へお電話ください。\n"},
		house.PhoneChanged:      {"別のスマートフォンが登録されました", "ウォレットに別のスマートフォンが登録されました。24時間は少額のみお使いいただけます。ご本人でない場合は、すぐに窓口へお電話ください。\n"},
		house.PasswordReset:     {"パスワードが変更されました", "パスワードが再設定されました。24時間は少額のみお使いいただけます。ご本人でない場合は、すぐに窓口へお電話ください。\n"},
		house.ContactChanging:   {"連絡先が変更されます", "3日後から、ウォレットのお知らせは別の連絡先に届きます。お心当たりがない場合は、アプリで変更を止め、窓口へお電話ください。\n"},
		house.ContactChanged:    {"連絡先が変更されました", "今後、ウォレットのお知らせは別の連絡先に届きます。ご本人でない場合は、すぐに窓口へお電話ください。\n"},
		house.RecoveryUsed:      {"復旧コードが使われました", "復旧コードで別のスマートフォンが登録されました。ご本人でない場合は、すぐに窓口へお電話ください。\n"},
		house.RecoveryRenewed:   {"復旧コードが作り直されました", "以前の復旧コードは使えなくなりました。お心当たりがない場合は、すぐに窓口へお電話ください。\n"},
		house.OutsideLinked:     {"外部ログインが追加されました", "ウォレットに外部ログインが関連付けられました。ご本人でない場合は、すぐに窓口へお電話ください。\n"},
		house.AccountStopped:    {"ウォレットを停止しました", "不正利用の疑い、または窓口へのご依頼により、ウォレットを停止しました。窓口へお電話ください。\n"},
	},
	"zh-Hant": {
		house.ConfirmTicket:     {"確認您的錢包", "請在應用程式輸入以下號碼以開通錢包：\n\nTICKET\n\n若非您本人申請，請不必理會。\n"},
		house.ResetTicket:       {"重設錢包密碼", "請在應用程式輸入以下號碼以設定新密碼：\n\nTICKET\n\n若非您本人申請，請不必理會，密碼不會改變。重設時仍需您的手機。\n"},
		house.NewContactTicket:  {"確認新的聯絡地址", "請在應用程式輸入以下號碼，確認此聯絡地址屬於您：\n\nTICKET\n"},
		house.KeepContactTicket: {"有人申請變更您的聯絡地址", "您錢包的聯絡地址即將變更。若非您本人，請在應用程式輸入以下號碼以阻止變更：\n\nTICKET\n\n並致電錢包客服。\n"},
		house.PhoneChanged:      {"錢包已綁定另一支手機", "您的錢包現在由另一支手機付款。24小時內僅能使用小額。若非您本人，請立即致電錢包客服。\n"},
		house.PasswordReset:     {"錢包密碼已變更", "您的密碼已重設。24小時內僅能使用小額。若非您本人，請立即致電錢包客服。\n"},
		house.ContactChanging:   {"聯絡地址即將變更", "三天後，錢包通知將寄往另一個地址。若非您本人申請，請在應用程式阻止變更並致電錢包客服。\n"},
		house.ContactChanged:    {"聯絡地址已變更", "今後錢包通知將寄往另一個地址。若非您本人，請立即致電錢包客服。\n"},
		house.RecoveryUsed:      {"復原碼已被使用", "有人以您的復原碼綁定了另一支手機。若非您本人，請立即致電錢包客服。\n"},
		house.RecoveryRenewed:   {"已產生新的復原碼", "您原有的復原碼已失效。若非您本人申請，請立即致電錢包客服。\n"},
		house.OutsideLinked:     {"已連結外部登入", "您的錢包已連結外部登入。若非您本人，請立即致電錢包客服。\n"},
		house.AccountStopped:    {"您的錢包已停用", "因疑似遭盜用或應客服要求，您的錢包已停用。請致電錢包客服。\n"},
	},
}

// words are a message's subject and text. A kind of a later release says its name.
func words(language string, m house.Message) (subject, text string) {
	s, ok := catalogue[language][m.Kind]
	if !ok {
		s = said{string(m.Kind), "TICKET\n"}
	}
	return s[0], strings.ReplaceAll(s[1], "TICKET", string(m.Ticket))
}
